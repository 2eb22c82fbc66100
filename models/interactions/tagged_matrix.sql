{%- set damping = 'coalesce(' ~ share_or_null('listener_damping') ~ ', 0)' -%}

with

interaction_matrix as (

    select
        user_index,
        song_index,
        weight
    from {{ ref('interaction_matrix') }}

),

row_lengths as (

    select
        user_index,
        count(*) / avg(count(*)) over () as relative_length
    from interaction_matrix
    group by user_index

),

-- who plays a hundred songs says less about each two of them than who plays ten
damped as (

    select
        interaction_matrix.user_index,
        interaction_matrix.song_index,
        greatest(
            round(
                interaction_matrix.weight
                / pow(row_lengths.relative_length, {{ damping }}),
                6
            ),
            0.000001
        ) as weight
    from interaction_matrix
    inner join row_lengths using (user_index)

),

tag_rows as (

    select
        user_index,
        song_index,
        weight
    from {{ ref('tag_rows') }}

)

select * from damped
union all
select * from tag_rows
