-- Listeners whose id holds some text, in any case: those that begin with it first, then
-- who played most songs. One row per listener. $1: the text; $2: how many.
select
    user_id,
    song_count,
    last_interaction_at
from listeners
where contains(lower(user_id), lower($1))
order by
    not starts_with(lower(user_id), lower($1)),
    song_count desc,
    user_id
limit $2
