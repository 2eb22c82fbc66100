{%- if var('text_encoder') != 'tfidf' -%}
    {{ exceptions.raise_compiler_error(
        "text_encoder is '" ~ var('text_encoder') ~ "'; only tfidf is there."
    ) }}
{%- endif -%}

with

prompt_vectors as (

    select * from {{ ref('prompt_vectors') }}

),

prompt_texts as (

    select
        song_index,
        md5(text) as content_hash
    from {{ ref('prompt_texts') }}

),

catalogue as (

    select
        song_index,
        song_id
    from {{ ref('catalogue') }}

),

-- TF-IDF is fitted on the catalogue: other texts are another encoder
fitted_on as (

    select md5(string_agg(content_hash, '' order by content_hash)) as encoder_version
    from prompt_texts

)

select
    catalogue.song_id,
    cast(prompt_vectors.embedding as float[{{ var('text_dimensions') }}]) as embedding,
    'tfidf' as encoder,
    fitted_on.encoder_version,
    prompt_texts.content_hash
from prompt_vectors
inner join prompt_texts using (song_index)
inner join catalogue using (song_index)
cross join fitted_on
