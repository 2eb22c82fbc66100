-- als_solve(heard, right_side): solves (YᵀY + λI + Σ (c_j - 1) y_j y_jᵀ) x = right_side,
-- the system of a listener in ALS, by Gauss-Jordan elimination. It is symmetric and
-- positive definite, so no pivots are searched.
--
-- heard: list of {song_id, confidence}; right_side: list of double, as long as a factor
-- vector. One row: solution, a list of double. Songs without factors are left out.
create or replace macro als_solve(heard, right_side) as table
with recursive
given as (
    select
        heard as heard_songs,
        right_side as right_values
),
factors_heard as (
    select
        song_factors.factors,
        pairs.pair.confidence as confidence
    from given
    cross join unnest(given.heard_songs) as pairs(pair)
    inner join song_factors
        on song_factors.song_id = pairs.pair.song_id
),
places as (
    select unnest(generate_series(1, len(als_gram.gram))) as place
    from als_gram
),
cells as (
    select
        line.place as line_place,
        entry.place as entry_place,
        any_value(als_gram.gram[line.place][entry.place])
        + case
            when line.place = entry.place then any_value(als_gram.regularization)
            else 0
        end
        + coalesce(
            sum(
                (factors_heard.confidence - 1)
                * cast(factors_heard.factors[line.place] as double)
                * cast(factors_heard.factors[entry.place] as double)
            ),
            0
        ) as cell
    from places as line
    cross join places as entry
    cross join als_gram
    left join factors_heard on true
    group by line.place, entry.place
),
system_lines as (
    select
        cells.line_place,
        list_append(
            list(cells.cell order by cells.entry_place),
            any_value(given.right_values[cells.line_place])
        ) as line_values
    from cells
    cross join given
    group by cells.line_place
),
elimination as (
    select
        1 as step,
        list(system_lines.line_values order by system_lines.line_place) as system_state
    from system_lines
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
)
select
    list_transform(
        elimination.system_state, lambda line_values: line_values[-1]
    ) as solution
from elimination
where elimination.step = len(elimination.system_state) + 1;
