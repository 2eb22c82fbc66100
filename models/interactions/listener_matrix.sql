with

interaction_matrix as (

    select * from {{ ref('interaction_matrix') }}

),

candidate_listeners as (

    select * from {{ ref('candidate_listeners') }}

)

select
    interaction_matrix.user_index,
    interaction_matrix.song_index,
    interaction_matrix.weight
from interaction_matrix
inner join candidate_listeners using (user_index)
