{#
    Gini coefficient of exposures among all that could be exposed: 0 if each is shown
    equally often, nearly 1 if one takes all. What is never shown has no row, and takes
    the last ranks with an exposure of 0.
#}
{% macro gini(condition, total) -%}
    sum(({{ total }} + 1 - 2 * exposures.exposure_rank) * exposures.exposure)
        filter (where {{ condition }})
        / (
            any_value({{ total }})
            * sum(exposures.exposure) filter (where {{ condition }})
        )
{%- endmacro %}
