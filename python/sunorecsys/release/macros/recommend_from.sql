-- recommend_from(song_ids, n := 30): a list from seed songs alone, through all
-- channels, as for a listener who had played each of them once, the first one last.
-- ALS is folded in by an exact solve. Unknown songs are left out; an empty list gives
-- popular, varied songs.
create or replace macro recommend_from(song_ids, n := 30) as table
from recommend_after(
    cast(null as varchar),
    list_transform(
        cast(song_ids as varchar[]),
        lambda song_id: {'song_id': song_id, 'weight': 1.0}
    ),
    cast([] as varchar[]),
    n
);
