{#
    What each signal of quality weighs, by its name: the variable quality_weights, or a
    compiler error.
#}
{% macro quality_weights() %}
    {%- set weights = {} -%}
    {%- for signal, weight in (var('quality_weights') or {}).items() -%}
        {%- if weight is not number or weight is boolean or weight < 0 -%}
            {{ exceptions.raise_compiler_error(
                "quality_weights gives " ~ signal ~ " the weight '" ~ weight
                ~ "'; use a number, 0 or more."
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
