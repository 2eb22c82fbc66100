with

nearest_sample as (

    select * from {{ ref('nearest_sample') }}

),

nearest_songs as (

    select
        'content' as vector_kind,
        song_index,
        similarity
    from {{ ref('content_nearest') }}
    union all
    select
        'prompt' as vector_kind,
        song_index,
        similarity
    from {{ ref('prompt_nearest') }}

),

sampled_songs as (

    select
        vector_kind,
        song_index,
        count(*) as wanted,
        min(similarity) as lowest_similarity
    from nearest_sample
    group by vector_kind, song_index

),

found as (

    select
        sampled_songs.vector_kind,
        sampled_songs.song_index,
        any_value(sampled_songs.wanted) as wanted,
        -- as near as the last one is as good: songs may be equally near
        least(count(nearest_songs.song_index), any_value(sampled_songs.wanted))
            as found_count
    from sampled_songs
    left join nearest_songs
        on
            sampled_songs.vector_kind = nearest_songs.vector_kind
            and sampled_songs.song_index = nearest_songs.song_index
            -- what float32 cannot tell apart
            and sampled_songs.lowest_similarity <= nearest_songs.similarity + 0.000002
    group by sampled_songs.vector_kind, sampled_songs.song_index

)

select
    vector_kind,
    count(*) as songs,
    sum(found_count) / sum(wanted) as recall
from found
group by vector_kind
