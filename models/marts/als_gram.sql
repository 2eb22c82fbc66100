select
    gram,
    inverse,
    cast({{ var('als_regularization') }} as double) as regularization,
    cast({{ var('als_alpha') }} as double) as alpha
from {{ ref('als_song_gram') }}
