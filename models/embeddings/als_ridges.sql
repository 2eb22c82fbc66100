{%- set is_scaled = var('als_scaled_regularization') -%}
{%- if is_scaled is not boolean -%}
    {{ exceptions.raise_compiler_error(
        "als_scaled_regularization is '" ~ is_scaled ~ "'; use true or false."
    ) }}
{%- endif -%}

with

tagged_matrix as (

    select * from {{ ref('tagged_matrix') }}

),

listener_matrix as (

    select * from {{ ref('listener_matrix') }}

),

sides as (

    select
        count(distinct user_index) as user_count,
        -- not 0, for a solve without any ridge may have no solution
        greatest(count(distinct song_index), 1) as song_count
    from tagged_matrix

),

listeners as (

    select
        coalesce(count(*) / nullif(count(distinct user_index), 0), 0)
            as songs_per_listener
    from listener_matrix

),

settings as (

    select
        cast({{ var('als_regularization') }} as double) as regularization,
        cast({{ var('als_alpha') }} as double) as alpha,
        {{ is_scaled | lower }} as is_scaled

)

select
    regularization
    * case when is_scaled then alpha * songs_per_listener + song_count else 1 end
        as listener_ridge,
    regularization * case when is_scaled then user_count else 1 end as song_ridge,
    regularization * case when is_scaled then alpha else 0 end
        as song_ridge_per_listener
from settings
cross join sides
cross join listeners
