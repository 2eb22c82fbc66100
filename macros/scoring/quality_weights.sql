{#
    What each signal of quality weighs, by its name: the variable quality_weights, or a
    compiler error.
#}
{% macro quality_weights() %}
    {%- set given = var('quality_weights') -%}
    {%- if given is not mapping -%}
        {{ exceptions.raise_compiler_error(
            "quality_weights is '" ~ given
            ~ "'; name signals and what they weigh, such as {engagement: 1}."
        ) }}
    {%- endif -%}
    {%- set weights = {} -%}
    {%- for signal, weight in given.items() -%}
        {%- if
            weight is not number or weight is boolean or not 0 <= weight <= 1000000
        -%}
            {{ exceptions.raise_compiler_error(
                "quality_weights gives " ~ signal ~ " the weight '" ~ weight
                ~ "'; use a number from 0 to 1000000."
            ) }}
        {%- endif -%}
        {%- do weights.update({valid_name(signal) | lower: weight | float}) -%}
    {%- endfor -%}
    {%- if not weights.values() | sum > 0 -%}
        {{ exceptions.raise_compiler_error(
            'quality_weights has no weight above 0. Write {engagement: 1}.'
        ) }}
    {%- endif -%}
    {{ return(weights) }}
{% endmacro %}
