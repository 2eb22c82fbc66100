-- als_solve(heard, right_side): solves (YᵀY + λI + Σ (c_j - 1) y_j y_jᵀ) x = right_side,
-- the system of a listener in ALS. Few songs are as many equations (Woodbury, with the
-- inverse of YᵀY + λI that als_gram holds); more songs than factors are one equation a
-- factor. Gauss-Jordan elimination, without pivots: every leading minor is positive.
--
-- heard: list of {song_index, confidence}; right_side: list of double, as long as a
-- factor vector, or empty for Σ c_j y_j, whose solution is the listener's own vector.
-- One row: solution, a list of double; no row for a right side of null. Songs without
-- factors are left out.
create or replace macro als_solve(heard, right_side) as table
with recursive
heard_songs as (
    select
        coalesce(
            list(
                {
                    'confidence': pairs.pair.confidence,
                    'excess': pairs.pair.confidence - 1,
                    'factors': cast(song_factors.factors as double[])
                }
                order by pairs.pair.song_index
            ),
            []
        ) as songs
    from unnest(heard) as pairs(pair)
    inner join song_factors
        on pairs.pair.song_index = song_factors.song_index
),
-- an argument may be a subquery, and those cannot stand in a lambda
given as (
    select
        heard_songs.songs,
        case
            when len(right_side) > 0 then right_side
            else list_transform(
                generate_series(1, len(als_gram.gram)),
                lambda factor_number: coalesce(
                    list_sum(
                        list_transform(
                            heard_songs.songs,
                            lambda song: song.confidence * song.factors[factor_number]
                        )
                    ),
                    0
                )
            )
        end as right_values
    from heard_songs
    cross join als_gram
    where right_side is not null
),
prepared as (
    select
        als_gram.gram,
        als_gram.regularization,
        given.right_values,
        given.songs,
        len(given.songs) <= len(als_gram.gram) as is_few,
        list_transform(
            als_gram.inverse,
            lambda inverse_line: list_dot_product(inverse_line, given.right_values)
        ) as unheard_solution,
        list_transform(
            case when is_few then given.songs else [] end,
            lambda song: list_transform(
                als_gram.inverse,
                lambda inverse_line: list_dot_product(inverse_line, song.factors)
            )
        ) as projections
    from given
    cross join als_gram
),
elimination as (
    select
        1 as step,
        case
            when prepared.is_few then list_transform(
                prepared.songs,
                lambda song, song_number: list_append(
                    list_transform(
                        prepared.projections,
                        lambda projection, entry_number: song.excess
                        * list_dot_product(song.factors, projection)
                        + case when song_number = entry_number then 1 else 0 end
                    ),
                    song.excess
                    * list_dot_product(song.factors, prepared.unheard_solution)
                )
            )
            else list_transform(
                prepared.gram,
                lambda gram_line, line_number: list_append(
                    list_transform(
                        gram_line,
                        lambda gram_cell, cell_number: gram_cell
                        + case
                            when line_number = cell_number then prepared.regularization
                            else 0
                        end
                        + list_sum(
                            list_transform(
                                prepared.songs,
                                lambda song: song.excess
                                * song.factors[line_number]
                                * song.factors[cell_number]
                            )
                        )
                    ),
                    prepared.right_values[line_number]
                )
            )
        end as system_state
    from prepared
    union all
    select
        elimination.step + 1,
        list_transform(
            elimination.system_state,
            lambda line_values, line_number: case
                when line_number = elimination.step
                    then list_transform(
                        line_values,
                        lambda cell: cell / line_values[elimination.step]
                    )
                else list_transform(
                    line_values,
                    lambda cell, cell_number: cell
                    - line_values[elimination.step]
                    / elimination.system_state[elimination.step][elimination.step]
                    * elimination.system_state[elimination.step][cell_number]
                )
            end
        )
    from elimination
    where elimination.step <= len(elimination.system_state)
),
unknowns as (
    select
        list_transform(
            elimination.system_state, lambda line_values: line_values[-1]
        ) as solved_values
    from elimination
    where elimination.step = len(elimination.system_state) + 1
)
select
    case
        when prepared.is_few then list_transform(
            prepared.unheard_solution,
            lambda unheard_value, factor_number: unheard_value
            - coalesce(
                list_sum(
                    list_transform(
                        prepared.projections,
                        lambda projection, song_number: projection[factor_number]
                        * unknowns.solved_values[song_number]
                    )
                ),
                0
            )
        )
        else unknowns.solved_values
    end as solution
from prepared
cross join unknowns;
