{%- set damping = share_or_null('listener_damping') -%}
{%- set half_life = positive_or_null('matrix_half_life_days') -%}

with

interaction_matrix as (

    select
        user_index,
        song_index,
        weight,
        -- what has no time does not age
        nullif(last_interaction_at, timestamp '1970-01-01') as last_interaction_at
    from {{ ref('interaction_matrix') }}

),

build_clock as (

    select as_of from {{ ref('build_clock') }}

),

row_lengths as (

    select
        user_index,
        count(*) / avg(count(*)) over () as relative_length
    from interaction_matrix
    group by user_index

),

shares as (

    select
        interaction_matrix.user_index,
        interaction_matrix.song_index,
        interaction_matrix.weight,
        -- who plays a hundred songs says less about any two of them than who plays ten
        coalesce(pow(row_lengths.relative_length, -{{ damping }}), 1) as length_share,
        coalesce(
            pow(
                0.5,
                {{ days_between(
                    'interaction_matrix.last_interaction_at', 'build_clock.as_of'
                ) }}
                / {{ half_life }}
            ),
            1
        ) as age_share
    from interaction_matrix
    inner join row_lengths using (user_index)
    cross join build_clock

),

weighted as (

    select
        user_index,
        song_index,
        -- old songs keep a hundredth, so that they have neighbors too
        greatest(
            round(weight * length_share * greatest(age_share, 0.01), 6), 0.000001
        ) as weight
    from shares

),

tag_rows as (

    select
        user_index,
        song_index,
        weight
    from {{ ref('tag_rows') }}

)

select * from weighted
union all
select * from tag_rows
