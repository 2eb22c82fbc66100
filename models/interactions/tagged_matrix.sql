with

interaction_matrix as (

    select
        user_index,
        song_index,
        weight
    from {{ ref('interaction_matrix') }}

),

tag_rows as (

    select
        user_index,
        song_index,
        weight
    from {{ ref('tag_rows') }}

)

select * from interaction_matrix
union all
select * from tag_rows
