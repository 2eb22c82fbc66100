with

weighted_terms as (

    select * from {{ ref('weighted_terms') }}

)

select
    term,
    cast(row_number() over (order by term) - 1 as integer) as term_index,
    count(*) as song_count
from weighted_terms
group by term
