with

als_song_factors as (

    select * from {{ ref('als_song_factors') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

)

select
    catalogue.song_id,
    catalogue.song_index,
    cast(
        als_song_factors.factors as {{ list_type('float', var('als_factors')) }}
    ) as factors
from als_song_factors
inner join catalogue using (song_index)
