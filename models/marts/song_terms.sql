with

weighted_terms as (

    select * from {{ ref('weighted_terms') }}

),

search_terms as (

    select * from {{ ref('search_terms') }}

)

-- the term first: what a search reads then lies together
select
    search_terms.term_index,
    weighted_terms.song_index,
    weighted_terms.term_weight
from weighted_terms
inner join search_terms using (term)
