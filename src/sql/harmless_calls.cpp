#include "sql/harmless_calls.hpp"

#include <unordered_set>

namespace borealis::sql {
namespace {

// Names between single blanks. PostgreSQL: what pg_proc of version 15 marks immutable or stable (neither may change
// anything), without what only the server itself calls; the volatile ones that leave the session as it was; the same of
// later versions, uuid-ossp, pgcrypto, pg_trgm, PostGIS and pgvector.
constexpr std::string_view postgresql_names =
    "abbrev abs acos acosd acosh age akeys any_value area array_agg array_append array_cat array_dims "
    "array_fill array_length array_lower array_ndims array_position array_positions array_prepend "
    "array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json "
    "array_to_string array_to_tsvector array_upper ascii asin asind asinh atan atan2 atan2d atand atanh avals "
    "avg bernoulli bit_and bit_count bit_length bit_or bit_xor bool bool_and bool_or box bpchar broadcast "
    "btrim bytea cardinality cast cbrt ceil ceiling center char_length character_length chr cidr circle "
    "clock_timestamp coalesce col_description concat concat_ws convert convert_from convert_to corr cos cosd "
    "cosh cosine_distance cot cotd count covar_pop covar_samp crypt cume_dist current_database current_date "
    "current_query current_schema current_schemas current_setting current_time current_timestamp current_user "
    "currval date date_add date_bin date_part date_subtract date_trunc daterange decode decrypt degrees "
    "dense_rank diameter digest div encode encrypt ends_with enum_first enum_last enum_range every exp "
    "extract factorial family first_value float4 float8 floor format format_type gcd gen_random_bytes "
    "gen_random_uuid gen_salt generate_series generate_subscripts get_bit get_byte get_current_ts_config "
    "greatest grouping has_column_privilege has_database_privilege has_function_privilege "
    "has_schema_privilege has_sequence_privilege has_table_privilege has_type_privilege height hmac host "
    "hostmask hstore inet inet_client_addr inet_client_port inet_merge inet_same_family initcap inner_product "
    "int2 int4 int4multirange int4range int8 int8range interval is_normalized isempty isfinite json json_agg "
    "json_array_elements json_array_elements_text json_array_length json_arrayagg json_build_array "
    "json_build_object json_each json_each_text json_exists json_extract_path json_extract_path_text "
    "json_object json_object_agg json_object_agg_strict json_object_agg_unique json_object_keys "
    "json_objectagg json_populate_record json_populate_recordset json_query json_scalar json_serialize "
    "json_strip_nulls json_table json_to_record json_to_recordset json_to_tsvector json_typeof json_value "
    "jsonb jsonb_agg jsonb_array_element jsonb_array_elements jsonb_array_elements_text jsonb_array_length "
    "jsonb_build_array jsonb_build_object jsonb_concat jsonb_contains jsonb_delete jsonb_delete_path "
    "jsonb_each jsonb_each_text jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_insert "
    "jsonb_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_field jsonb_object_keys "
    "jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query "
    "jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz "
    "jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax "
    "jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof justify_days "
    "justify_hours justify_interval l1_distance l2_distance lag last_value lastval lcm lead least left length "
    "levenshtein like line ln localtime localtimestamp log log10 lower lower_inc lower_inf lpad lseg ltrim "
    "make_date make_interval make_time make_timestamp make_timestamptz masklen max md5 metaphone min "
    "min_scale mod mode multirange netmask network nextval normalize now nth_value ntile nullif num_nonnulls "
    "num_nulls numeric numnode numrange obj_description octet_length oid overlaps overlay parse_ident path "
    "percent_rank percentile_cont percentile_disc pg_advisory_xact_lock pg_advisory_xact_lock_shared "
    "pg_backend_pid pg_blocking_pids pg_cancel_backend pg_client_encoding pg_collation_for "
    "pg_column_compression pg_column_size pg_current_snapshot pg_current_wal_lsn pg_current_xact_id "
    "pg_current_xact_id_if_assigned pg_database_size pg_function_is_visible pg_get_constraintdef pg_get_expr "
    "pg_get_functiondef pg_get_indexdef pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef "
    "pg_get_serial_sequence pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_indexes_size "
    "pg_is_in_recovery pg_jit_available pg_lock_status pg_lsn pg_my_temp_schema pg_notify "
    "pg_partition_ancestors pg_partition_tree pg_postmaster_start_time pg_relation_size pg_size_bytes "
    "pg_size_pretty pg_sleep pg_sleep_for pg_sleep_until pg_table_is_visible pg_table_size "
    "pg_terminate_backend pg_total_relation_size pg_trigger_depth pg_try_advisory_xact_lock "
    "pg_try_advisory_xact_lock_shared pg_type_is_visible pg_typeof pg_xact_status pgp_sym_decrypt "
    "pgp_sym_encrypt phraseto_tsquery pi plainto_tsquery point polygon position pow power querytree "
    "quote_ident quote_literal quote_nullable radians radius random random_normal range_agg range_merge rank "
    "regclass regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace "
    "regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept "
    "regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat replace reverse right round row_number row_to_json "
    "rpad rtrim scale session_user set_bit set_byte set_masklen setval setweight sha224 sha256 sha384 sha512 "
    "show_trgm sign similarity sin sind sinh soundex split_part sqrt st_area st_asbinary st_asgeojson "
    "st_astext st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_disjoint "
    "st_distance st_distance_sphere st_dwithin st_envelope st_equals st_geometrytype st_geomfromgeojson "
    "st_geomfromtext st_geomfromwkb st_intersection st_intersects st_isvalid st_latitude st_length "
    "st_longitude st_makeenvelope st_makeline st_makepoint st_numpoints st_overlaps st_point st_pointfromtext "
    "st_pointn st_setsrid st_simplify st_srid st_touches st_transform st_union st_within st_x st_y "
    "starts_with statement_timestamp stddev stddev_pop stddev_samp strict_word_similarity string_agg "
    "string_to_array string_to_table strip strpos substr substring sum system tan tand tanh text time "
    "timeofday timestamp timestamptz to_ascii to_char to_date to_hex to_json to_jsonb to_number to_regclass "
    "to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole "
    "to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate treat trim trim_array "
    "trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsrange tstzrange tsvector_to_array "
    "txid_current txid_current_if_assigned txid_current_snapshot txid_status txid_visible_in_snapshot "
    "unaccent unistr unnest upper upper_inc upper_inf uuid uuid_generate_v1 uuid_generate_v1mc "
    "uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuidv4 uuidv7 var_pop var_samp varchar variance "
    "vector_dims vector_norm version websearch_to_tsquery width width_bucket word_similarity "
    "xml_is_well_formed xmlagg xmlcomment xmlconcat xmlelement xmlexists xmlforest xmlparse xmlpi xmlroot "
    "xmlserialize xmltable xpath xpath_exists ";

// MariaDB's information_schema.SQL_FUNCTIONS and MySQL 8's own, without those that lock or set something.
constexpr std::string_view mysql_names =
    "abs acos add_months adddate addtime aes_decrypt aes_encrypt against any_value asin atan atan2 avg "
    "benchmark bin bin_to_uuid bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char char_length "
    "character_length chr coalesce coercibility collation compress concat concat_ws connection_id conv "
    "convert convert_tz cos cot count crc32 crc32c cume_dist curdate current_date current_role current_time "
    "current_timestamp current_user curtime database date date_add date_format date_sub datediff day dayname "
    "dayofmonth dayofweek dayofyear decode default degrees dense_rank des_decrypt des_encrypt elt encode "
    "encrypt exp export_set extract extractvalue field find_in_set first_value floor format format_bytes "
    "format_pico_time found_rows from_base64 from_days from_unixtime geometrycollection greatest group_concat "
    "grouping hex hour icu_version if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr "
    "is_free_lock is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 is_used_lock is_uuid isnull json_array "
    "json_array_append json_array_insert json_array_intersect json_arrayagg json_compact json_contains "
    "json_contains_path json_depth json_detailed json_equals json_exists json_extract json_insert "
    "json_key_value json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve "
    "json_normalize json_object json_object_filter_keys json_object_to_array json_objectagg json_overlaps "
    "json_pretty json_query json_quote json_remove json_replace json_schema_valid "
    "json_schema_validation_report json_search json_set json_storage_free json_storage_size json_table "
    "json_type json_unquote json_valid json_value kdf lag last_day lastval lcase lead least left length "
    "lengthb linestring ln load_file localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set "
    "makedate maketime match max mbrcontains mbrintersects mbrwithin md5 median member microsecond mid min "
    "minute mod month monthname multipoint name_const natural_sort_key nextval now nth_value ntile nullif nvl "
    "nvl2 oct octet_length old_password ord password percent_rank percentile_cont percentile_disc period_add "
    "period_diff pi point polygon position pow power ps_current_thread_id quarter quote radians rand "
    "random_bytes rank regexp_instr regexp_like regexp_replace regexp_substr repeat replace reverse right "
    "roles_graphml round row_count row_number rpad rtrim schema schemas sec_to_time second session_user "
    "setval sformat sha sha1 sha2 sign sin sleep soundex space sqrt st_area st_asbinary st_asgeojson "
    "st_astext st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_disjoint "
    "st_distance st_distance_sphere st_dwithin st_envelope st_equals st_geometrytype st_geomfromgeojson "
    "st_geomfromtext st_geomfromwkb st_intersection st_intersects st_isvalid st_latitude st_length "
    "st_longitude st_makeenvelope st_makeline st_makepoint st_numpoints st_overlaps st_point st_pointfromtext "
    "st_pointn st_setsrid st_simplify st_srid st_touches st_transform st_union st_within st_x st_y "
    "statement_digest statement_digest_text std stddev stddev_pop stddev_samp str_to_date strcmp subdate "
    "substr substring substring_index subtime sum sys_guid sysdate system_user tan time time_format "
    "time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_char to_date to_days to_number "
    "to_seconds trim truncate ucase uncompress uncompressed_length unhex unix_timestamp updatexml upper user "
    "utc_date utc_time utc_timestamp uuid uuid_short uuid_to_bin uuid_v4 uuid_v7 validate_password_strength "
    "value values var_pop var_samp variance vec_distance vec_distance_cosine vec_distance_euclidean "
    "vec_fromtext vec_totext version week weekday weekofyear weight_string year yearweek ";

constexpr std::string_view postgresql_effects =
    "currval lastval nextval pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_backend_pid pg_cancel_backend "
    "pg_current_xact_id pg_notify pg_sleep pg_sleep_for pg_sleep_until pg_terminate_backend "
    "pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared setval txid_current ";

constexpr std::string_view mysql_effects =
    "benchmark connection_id found_rows is_free_lock is_used_lock last_insert_id lastval load_file nextval "
    "ps_current_thread_id row_count setval sleep uuid_short ";

std::unordered_set<std::string_view> words_of(std::string_view names) {
    std::unordered_set<std::string_view> all;
    for (std::size_t end = 0; (end = names.find(' ')) != std::string_view::npos; names.remove_prefix(end + 1)) {
        all.insert(names.substr(0, end));
    }
    return all;
}

}  // namespace

bool is_harmless_call(std::string_view name, dialect of) {
    static const auto postgresql = words_of(postgresql_names);
    static const auto mysql = words_of(mysql_names);
    return (of == dialect::postgresql ? postgresql : mysql).contains(name);
}

bool has_effect(std::string_view name, dialect of) {
    static const auto postgresql = words_of(postgresql_effects);
    static const auto mysql = words_of(mysql_effects);
    return (of == dialect::postgresql ? postgresql : mysql).contains(name);
}

}  // namespace borealis::sql
