{#
    On Spark, a table of what DuckDB finds in Spark's tables, in the process of dbt: for
    SQL that Spark has no functions for.
#}
{% materialization duckdb_query, adapter='spark' %}
    {%- set relation = api.Relation.create(
        identifier=model.alias, schema=schema, type='table'
    ) -%}
    {%- set reads = [] -%}
    {%- for node in model.depends_on.nodes -%}
        {%- do reads.append(graph.nodes[node].relation_name) -%}
    {%- endfor -%}
    {%- do adapter.drop_relation(relation) -%}
    {%- do adapter.write_query(compiled_code, reads, relation) -%}
    {%- do store_result('main', response='OK') -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
