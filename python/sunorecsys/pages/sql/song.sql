-- What is known of one song, if it is not hidden. One row. $1: the song.
select
    songs.song_id,
    left(songs.title, 200) as title,
    left(songs.creator_name, 100) as creator_name,
    songs.genre,
    list_transform(songs.tags[:40], lambda tag: left(tag, 60)) as tags,
    left(songs.prompt, 10000) as prompt,
    songs.created_at,
    songs.duration_seconds,
    left(songs.model_version, 40) as model_version,
    songs.audio_url,
    songs.image_url,
    songs.is_remix,
    songs.play_count,
    songs.upvote_count,
    songs.comment_count,
    songs.engagement_rate,
    songs.popularity_score,
    songs.quality_score,
    build_settings.quality_threshold,
    build_settings.min_plays_for_quality,
    popular_songs.popularity_rank
from songs
cross join build_settings
left join popular_songs on songs.song_index = popular_songs.song_index
where songs.song_id = $1 and not songs.is_hidden
