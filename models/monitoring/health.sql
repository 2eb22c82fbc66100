{%- set advice = {
    'listeners_served': 'Fewer listeners have a list than should: look in '
        ~ 'data_freshness for events that did not arrive, and in songs for hidden ones.',
    'songs_served': 'Lists hold the same few songs: look at weekly_lists, and raise '
        ~ 'top_k_per_seed or lower quality_threshold.',
    'creator_gini': 'Few creators have most places: look at creator_exposure, and '
        ~ 'lower max_per_creator.',
    'score_drift': 'The channel scores unlike the week before: look at score_drift '
        ~ 'and at what was ingested or set since.',
    'vector_shift': 'New songs are unlike the older ones: look at vector_shift and at '
        ~ 'tags and prompts of what was ingested last.',
    'neighbor_recall': 'Some of the nearest songs are not found: look at '
        ~ 'neighbor_recall, and raise the variable of that name.',
    'data_age': 'Nothing new arrived for long: run the ingest again.',
    'songs_played': 'Listeners do not play what is served: look at weekly_responses, '
        ~ 'and whether lists are shown.',
    'songs_disliked': 'Listeners dislike what is served: look at weekly_responses for '
        ~ 'the channel.',
} -%}

with

list_health as (

    select * from {{ ref('list_health') }}

),

input_health as (

    select * from {{ ref('input_health') }}

),

health_values as (

    select * from list_health
    union all
    select * from input_health

),

checks as (

    {% for check_name, what_to_do in advice.items() -%}
    {%- set warn_at, bad_at = var('health_' ~ check_name) -%}
    select
        '{{ check_name }}' as check_name,
        cast({{ warn_at }} as double) as warn_at,
        cast({{ bad_at }} as double) as bad_at,
        '{{ what_to_do }}' as what_to_do
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- where bad lies below warn, low values are bad: compared upside down
judged as (

    select
        checks.*,
        health_values.subject,
        health_values.check_value,
        case when checks.bad_at < checks.warn_at then -1 else 1 end as direction
    from checks
    left join health_values using (check_name)

)

select
    check_name,
    subject,
    check_value,
    warn_at,
    bad_at,
    case
        when direction * check_value >= direction * bad_at then 'bad'
        when direction * check_value >= direction * warn_at then 'warn'
        else 'ok'
    end as status,
    case when status != 'ok' then what_to_do end as what_to_do
from judged
