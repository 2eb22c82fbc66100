with

als_user_factors as (

    select * from {{ ref('als_user_factors') }}

),

matrix_users as (

    select
        user_index,
        user_id
    from {{ ref('matrix_users') }}

)

select
    matrix_users.user_id,
    matrix_users.user_index,
    cast(
        als_user_factors.factors as {{ list_type('double', var('als_factors')) }}
    ) as factors
from als_user_factors
inner join matrix_users using (user_index)
