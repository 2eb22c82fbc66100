with

vectors as (

    select
        'content' as vector_kind,
        song_id,
        cast(embedding as {{ list_type('float') }}) as embedding
    from {{ ref('content_vectors') }}
    union all
    select
        'prompt' as vector_kind,
        song_id,
        cast(embedding as {{ list_type('float') }}) as embedding
    from {{ ref('prompt_embeddings') }}

),

catalogue as (

    select
        song_id,
        -- a song without a date has always been there
        cast(
            date_trunc('week', coalesce(created_at, timestamp '1970-01-01')) as date
        ) as created_week
    from {{ ref('catalogue') }}

),

numbers as (

    select
        vectors.vector_kind,
        catalogue.created_week,
        {{ unnest_places('vectors.embedding', 'number', 'place') }}
    from vectors
    inner join catalogue using (song_id)

)

-- decimals, because parallel sums of doubles differ from run to run
select
    vector_kind,
    created_week,
    cast(place + 1 as integer) as place,
    count(*) as songs,
    cast(sum(cast(number as decimal(18, 9))) as decimal(38, 9)) as total,
    cast(sum(cast(number * number as decimal(18, 9))) as decimal(38, 9)) as squares
from numbers
group by vector_kind, created_week, place
