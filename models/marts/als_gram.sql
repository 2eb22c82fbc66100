with

als_song_gram as (

    select * from {{ ref('als_song_gram') }}

),

als_ridges as (

    select * from {{ ref('als_ridges') }}

)

select
    als_song_gram.gram,
    als_song_gram.inverse,
    als_ridges.listener_ridge as regularization,
    cast({{ var('als_alpha') }} as double) as alpha
from als_song_gram
cross join als_ridges
