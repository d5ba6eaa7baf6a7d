"""Section 5: result values."""
import re

from rows import *  # noqa: F403

value(PG, [
    ("1::int2", L(1)), ("(-2147483648)::int4", L(-2**31)), ("9223372036854775807::int8", L(2**63 - 1)), ("42::oid", L(42)),
    ("3.14::float4", D(3.14)), ("12345.7::float4", D(12345.7)), ("1::float4", D(1.0)), ("1e10::float4", D(1e10)), ("0.1::float8", D(0.1)), ("100::float8", D(100.0)),
    ("1e308::float8", D(1e308)), ("'NaN'::float8", D("NaN")), ("'-Infinity'::float4", D("-Infinity")),
    ("19.99::numeric", S("19.99")), ("123456.7890::numeric(12,4)", S("123456.7890")), ("0::numeric(6,4)", S("0.0000")), ("'NaN'::numeric", S("NaN")),
    ("1e40::numeric", S("1" + "0" * 40)), ("true", B(True)), ("false", B(False)), ("NULL::bool", NULL), ("NULL", NULL), ("NULL::int[]", NULL),
    ("'text'", S("text")), ("'x'::text", S("x")), ("'x'::varchar(5)", S("x")), ("'x'::char(3)", S("x  ")), ("'x'::name", S("x")), ("''::text", S("")),
    ("'\\x00ff10'::bytea", X("AP8Q")), ("''::bytea", X("")),
    ("'2024-01-15'::date", S("2024-01-15")), ("'12:34:56'::time", S("12:34:56")), ("'12:34:56.1'::time", S("12:34:56.100")), ("'12:34:56.780180'::time", S("12:34:56.780180")),
    ("'2024-01-15 12:34:56'::timestamp", S("2024-01-15 12:34:56")), ("'2024-01-15 12:34:56.1'::timestamp", S("2024-01-15 12:34:56.100")),
    ("'2024-01-15 12:34:56.000001'::timestamp", S("2024-01-15 12:34:56.000001")), ("'2024-01-15 12:34:56+09'::timestamptz", S("2024-01-15 03:34:56")),
    ("'2024-01-15 12:34:56.78018-05:30'::timestamptz", S("2024-01-15 18:04:56.780180")), ("'0044-03-15 BC'::date", S("0044-03-15 BC")), ("'12024-01-01'::date", S("12024-01-01")),
    ("'01234567-89AB-CDEF-0123-456789ABCDEF'::uuid", S("01234567-89ab-cdef-0123-456789abcdef")),
    ("'{\"x\": 0, \"y\": \"0\", \"z\": [0, 0, 1]}'::jsonb", S('{"x":0,"y":"0","z":[0,0,1]}')), ("'{ \"b\" : 1,\n\"a\" : \" : , \" }'::json", S('{"b":1,"a":" : , "}')),
    ("'\"\\u00e4\"'::jsonb", S('"ä"')), ("'null'::jsonb", S("null")),
    ("'192.168.1.1'::inet", S("192.168.1.1")), ("'192.168.0.0/16'::cidr", S("192.168.0.0/16")), ("'10.0.0.0/8'::inet", S("10.0.0.0/8")),
    ("int4range(1, 10)", S("[1,10)")), ("numrange(1.5, 2)", S("[1.5,2)")), ("B'101'::bit(3)", S("101")), ("B'1'::varbit", S("1")),
    ("'[1,2]'::text || ''", S("[1,2]")),
    ("ARRAY[1,2,3]", A(longValues=[1, 2, 3])), ("ARRAY[1,NULL,3]", A(longValues=[1, None, 3])), ("ARRAY[]::int[]", A(longValues=[])), ("ARRAY[]::text[]", A(stringValues=[])),
    ("ARRAY[1,2]::int2[]", A(longValues=[1, 2])), ("ARRAY[9223372036854775807]::int8[]", A(longValues=[2**63 - 1])), ("ARRAY[1.5,2]::float8[]", A(doubleValues=[1.5, 2.0])),
    ("ARRAY[3.14]::float4[]", A(doubleValues=[3.14])), ("ARRAY[true,false,NULL]", A(booleanValues=[True, False, None])),
    ("ARRAY['a','b c','d\"e','f\\g','h,i','{}','NULL','',NULL]", A(stringValues=["a", "b c", 'd"e', "f\\g", "h,i", "{}", "NULL", "", None])),
    ("ARRAY['a']::varchar[]", A(stringValues=["a"])), ("ARRAY['a']::char(2)[]", A(stringValues=["a "])), ("ARRAY['a']::name[]", A(stringValues=["a"])),
    ("ARRAY[1.50,2]::numeric[]", A(stringValues=["1.50", "2"])), ("ARRAY['2024-01-15']::date[]", A(stringValues=["2024-01-15"])),
    ("ARRAY['12:34:56.5']::time[]", A(stringValues=["12:34:56.500"])), ("ARRAY['2024-01-15 01:02:03']::timestamp[]", A(stringValues=["2024-01-15 01:02:03"])),
    ("ARRAY['2024-01-15 01:02:03+01']::timestamptz[]", A(stringValues=["2024-01-15 00:02:03"])), ("ARRAY['01234567-89ab-cdef-0123-456789abcdef']::uuid[]", A(stringValues=["01234567-89ab-cdef-0123-456789abcdef"])),
    ("ARRAY['{\"a\": [1, 2]}']::jsonb[]", A(stringValues=['{"a":[1,2]}'])), ("ARRAY['{\"a\": 1}']::json[]", A(stringValues=['{"a":1}'])), ("ARRAY[B'10']::bit(2)[]", A(stringValues=["10"])),
    ("'[5:6]={1,2}'::int[]", A(longValues=[1, 2])),
    ("pg_sleep(0)", S("")),
])
for expression, name in [("'a'::\"char\"", '"CHAR"'), ("'1 day'::interval", "INTERVAL"), ("'12:00+01'::timetz", "TIMETZ"), ("'1'::money", "MONEY"), ("point(1,2)", "POINT"),
                         ("'{1,2,3}'::line", "LINE"), ("'((0,0),(1,1))'::lseg", "LSEG"), ("'((0,0),(1,1))'::box", "BOX"), ("'((0,0),(1,1))'::path", "PATH"),
                         ("'((0,0),(1,1))'::polygon", "POLYGON"), ("'<(0,0),1>'::circle", "CIRCLE"), ("'08:00:2b:01:02:03'::macaddr", "MACADDR"), ("'08:00:2b:01:02:03:04:05'::macaddr8", "MACADDR8"),
                         ("ROW(1,2)", "RECORD"), ("daterange('2024-01-01','2024-02-01')", "DATERANGE"), ("int8range(1, 10)", "INT8RANGE"), ("tsrange(NULL,NULL)", "TSRANGE"), ("tstzrange(NULL,NULL)", "TSTZRANGE"),
                         ("'<a/>'::xml", "xml"), ("'a b'::tsvector", "tsvector"), ("'a'::tsquery", "tsquery"), ("'pg_class'::regclass", "regclass"), ("'int4'::regtype", "regtype"),
                         ("ARRAY['1 day']::interval[]", "INTERVAL[]"), ("ARRAY['12:00+01']::timetz[]", "TIMETZ[]"), ("'$.a'::jsonpath", "JSONPATH"), ("'1'::xid", "xid"), ("'0/0'::pg_lsn", "pg_lsn"),
                         ("'1:1:'::txid_snapshot", "txid_snapshot")]:
    row(f"R-5.30 {expression}", PG, run(f"SELECT 1, {expression}", unsupported(f"The result contains the unsupported data type {name}.")),
        run(f"SELECT {expression} WHERE false", records()))
row("R-5.30 NULL of such a type", PG, run("SELECT NULL::interval", unsupported("The result contains the unsupported data type INTERVAL.")))
row("R-5.32 a write is undone", PG, run("CREATE TABLE @t (i interval)"),
    run("INSERT INTO @t VALUES ('1 day') RETURNING i", unsupported("The result contains the unsupported data type INTERVAL.")), run("SELECT count(*) FROM @t", records([L(0)])))
row("R-2.28", PG, run("SELECT ARRAY[[1,2],[3,4]]", unsupported("The result contains a multidimensional array.")),
    run("SELECT '[2:3][0:1]={{1,2},{3,4}}'::int[]", unsupported("The result contains a multidimensional array.")))
row("R-2.29", PG, *[run(f"SELECT 'infinity'::{t}", error("InternalFailure")) for t in ["date", "timestamp", "timestamptz"]], run("SELECT '-infinity'::date", error("InternalFailure")))
row("R-2.29 R-1.34 not for what writes", PG, run("CREATE TABLE @t (d date)"), run("INSERT INTO @t VALUES ('infinity') RETURNING d", error("UnsupportedResultException", re.compile(".+"))),
    run("SELECT count(*) FROM @t", records([L(1)])))
row("R-5 enum, domain, citext-like", PG, run("CREATE TYPE @t AS ENUM ('sad', 'happy')"), run("SELECT 'happy'::@t", records([S("happy")])),
    run("SELECT ARRAY['happy','sad']::@t[]", unsupported(re.compile(r"The result contains the unsupported data type _t\d+\."))), run("DROP TYPE @t"),
    run("CREATE DOMAIN @t AS int CHECK (VALUE > 0)"), run("SELECT 5::@t", records([L(5)])),
    run("SELECT 0::@t", database_error(re.compile('ERROR: value for domain .* violates check constraint .*; SQLState: 23514'))), run("DROP DOMAIN @t"))
row("R-5 composite", PG, run("CREATE TYPE @t AS (a int, b text)"), run("SELECT ROW(1,'x')::@t", unsupported(re.compile(r"The result contains the unsupported data type \w+\."))), run("DROP TYPE @t"))
row("R-5 jsonb numbers", PG, run("SELECT (128::numeric ^ 128)::text::jsonb", good), run("SELECT (512::numeric ^ 512)::numeric::text::jsonb", error("UnsupportedResultException", re.compile(".*out of range.*"))))
value(MY, [
    ("CAST(1 AS SIGNED)", L(1)), ("1", L(1)), ("-9223372036854775808", L(-2**63)), ("CAST(9223372036854775807 AS UNSIGNED)", L(2**63 - 1)), ("CAST(18446744073709551615 AS UNSIGNED)", S("18446744073709551615")),
    ("1.50", S("1.50")), ("CAST(0 AS DECIMAL(6,4))", S("0.0000")), ("1e0", D(1.0)), ("0.1e0", D(0.1)), ("1e300", D(1e300)), ("'x'", S("x")), ("''", S("")), ("NULL", NULL), ("'üñ😀'", S("üñ😀")),
    ("x'00ff10'", X("AP8Q")), ("CAST('' AS BINARY)", X("")), ("CAST('2024-01-15' AS DATE)", S("2024-01-15")), ("CAST('12:34:56' AS TIME)", S("12:34:56")),
    ("CAST('12:34:56.1' AS TIME(6))", S("12:34:56.100")), ("CAST('-838:59:59' AS TIME)", S("-838:59:59")), ("CAST('2024-01-15 12:34:56' AS DATETIME)", S("2024-01-15 12:34:56")),
    ("CAST('2024-01-15 12:34:56.780180' AS DATETIME(6))", S("2024-01-15 12:34:56.780180")), ("CAST('2024-01-15 12:34:56.1' AS DATETIME(3))", S("2024-01-15 12:34:56.100")),
    ("TRUE", L(1)), ("1 = 1", L(1)), ("JSON_OBJECT('a', 1)", S('{"a":1}')),
])
COLUMNS = [  # type, literal, Field
    ("tinyint(1)", "1", B(True)), ("tinyint(1)", "0", B(False)), ("tinyint(1)", "5", B(True)), ("bool", "true", B(True)), ("tinyint", "-5", L(-5)), ("tinyint(4)", "5", L(5)), ("tinyint unsigned", "255", L(255)),
    ("smallint", "-32768", L(-32768)), ("smallint unsigned", "65535", L(65535)), ("mediumint", "8388607", L(8388607)), ("int", "-2147483648", L(-2**31)), ("int unsigned", "4294967295", L(2**32 - 1)),
    ("bigint", "-9223372036854775808", L(-2**63)), ("bigint unsigned", "9223372036854775807", L(2**63 - 1)), ("bigint unsigned", "9223372036854775808", S("9223372036854775808")),
    ("float", "837.484", D(837.484)), ("float", "3.14", D(3.14)), ("double", "0.1", D(0.1)), ("double", "10", D(10.0)), ("decimal(10,4)", "0", S("0.0000")), ("decimal(10,0)", "745", S("745")),
    ("char(5)", "'ab'", S("ab")), ("varchar(9)", "'ab '", S("ab ")), ("text", "'é'", S("é")), ("mediumtext", "'x'", S("x")), ("longtext", "'x'", S("x")), ("tinytext", "'x'", S("x")),
    ("enum('one','two')", "'two'", S("two")), ("set('one','two')", "'one,two'", S("one,two")), ("binary(4)", "'ab'", X("YWIAAA==")), ("varbinary(9)", "'ab'", X("YWI=")), ("blob", "x'00ff'", X("AP8=")), ("longblob", "''", X("")),
    ("bit(1)", "b'1'", B(True)), ("bit(1)", "b'0'", B(False)), ("bit(8)", "b'101'", B(True)), ("bit(8)", "0", B(False)), ("bit(64)", "b'1'", B(True)), ("date", "'2020-05-16'", S("2020-05-16")),
    ("time", "'16:31:56'", S("16:31:56")), ("time(3)", "'04:31:56.734'", S("04:31:56.734")), ("time(6)", "'04:31:56.1'", S("04:31:56.100")), ("time", "'-01:00:00'", S("-01:00:00")),
    ("datetime", "'2020-04-16 15:36:54'", S("2020-04-16 15:36:54")), ("datetime(3)", "'2020-04-16 15:36:54.384'", S("2020-04-16 15:36:54.384")), ("datetime(6)", "'2020-04-16 15:36:54.1'", S("2020-04-16 15:36:54.100")),
    ("timestamp NULL", "'2020-04-16 15:36:54'", S("2020-04-16 15:36:54")), ("timestamp(6) NULL", "'2020-04-16 15:36:54.000001'", S("2020-04-16 15:36:54.000001")), ("year", "2024", S("2024")), ("year", "0", S("0000")),
    ("json", "'{\"a\": [1, 2]}'", None), ("uuid", "'01234567-89ab-4def-8123-456789abcdef'", S("01234567-89ab-4def-8123-456789abcdef")), ("inet6", "'::1'", S("::1")), ("int", "NULL", NULL), ("tinyint(1)", "NULL", NULL)]
for kind, literal, field in COLUMNS:
    row(f"R-5.3 {kind} {literal}", MY, run(f"CREATE TABLE @t (c {kind})"), run(f"INSERT INTO @t VALUES ({literal})", updated(1)),
        run("SELECT c FROM @t", records([field]) if field else exactly({"numberOfRecordsUpdated": 0, "records": [[S('{"a":[1,2]}')]]})))
row("R-5.3 fractions are rounded", MY, run("CREATE TABLE @t (t datetime)"), run("INSERT INTO @t VALUES (:t)", updated(1), parameters=[parameter("t", stringValue="2020-09-17 13:49:32.780180")]),
    run("SELECT t FROM @t", records([S("2020-09-17 13:49:33")])))
row("R-5.3 zero dates", MY, run("CREATE TABLE @t (d date, t datetime)"), begin(), in_tx("SET SESSION sql_mode = ''"), in_tx("INSERT INTO @t VALUES ('0000-00-00', '0000-00-00')"), commit(),
    run("SELECT d, t FROM @t", records([S("0000-00-00"), S("0000-00-00 00:00:00")])))
row("R-5.3 geometry", MY, run("SELECT ST_GeomFromText('POINT(1 2)')", unsupported("The result contains the unsupported data type GEOMETRY.")),
    run("SELECT ST_GeomFromText('POINT(1 2)') FROM (SELECT 1 AS a) t WHERE a = 2", records()))
for hint, text in [("DATE", "2024-02-29"), ("TIME", "12:34:56.100"), ("TIMESTAMP", "2024-02-29 12:34:56.123456"), ("DECIMAL", "-12.340")]:
    column = {"DATE": "date", "TIME": "time(6)", "TIMESTAMP": "datetime(6)", "DECIMAL": "decimal(10,3)"}[hint]
    row(f"R-4.3 {hint} column", MY, run(f"CREATE TABLE @t (c {column})"), run("INSERT INTO @t VALUES (:p)", updated(1), parameters=[parameter("p", hint, stringValue=text)]),
        run("SELECT c FROM @t WHERE c = :p", records([S(text)]), parameters=[parameter("p", hint, stringValue=text)]))
    row(f"R-4.3 {hint}", PG, run("SELECT :p", records([S(text)]), parameters=[parameter("p", hint, stringValue=text)]))

# result options
for title, engine, expression, options, field in [
        ("scale kept", PG, "1.50::numeric(5,2)", OPTIONS, D(1.5)), ("scale 0", PG, "7::numeric(5,0)", OPTIONS, L(7)), ("no scale, whole", PG, "7::numeric", OPTIONS, L(7)),
        ("no scale", PG, "7.5::numeric", OPTIONS, D(7.5)), ("whole with scale", PG, "7::numeric(5,2)", OPTIONS, D(7.0)), ("too large", PG, "1e30::numeric(40,0)", OPTIONS, D(1e30)), ("NaN", PG, "'NaN'::numeric", OPTIONS, D("NaN")),
        ("huge", PG, "(10::numeric ^ 400)::numeric(1000,0)", OPTIONS, D("Infinity")), ("array", PG, "ARRAY[1,2.5]::numeric[]", OPTIONS, A(doubleValues=[1.0, 2.5])),
        ("null", PG, "NULL::numeric", OPTIONS, NULL), ("STRING", PG, "1.50", {"decimalReturnType": "STRING"}, S("1.50")),
        ("longs", PG, "7::int8", {"longReturnType": "STRING"}, S("7")), ("short longs", PG, "7::int2", {"longReturnType": "STRING"}, S("7")), ("long arrays", PG, "ARRAY[1,NULL]", {"longReturnType": "STRING"}, A(stringValues=["1", None])),
        ("LONG", PG, "7", {"longReturnType": "LONG"}, L(7)), ("both", PG, "7::numeric(5,0)", {"longReturnType": "STRING", **OPTIONS}, S("7")), ("doubles stay", PG, "1.5::float8", {"longReturnType": "STRING", **OPTIONS}, D(1.5)),
        ("scale kept", MY, "CAST(1.50 AS DECIMAL(5,2))", OPTIONS, D(1.5)), ("scale 0", MY, "CAST(7 AS DECIMAL(5,0))", OPTIONS, L(7)), ("longs", MY, "7", {"longReturnType": "STRING"}, S("7")), ("null", MY, "NULL", {"longReturnType": "STRING"}, NULL)]:
    row(f"R-5.5 {title}", engine, run(f"SELECT {expression}", records([field]), resultSetOptions=options))

row("R-5.1 R-5.33 the mapping", PG, run("SELECT 1::int2, 1.5::real, 1.5::numeric, true, ''::bytea, 'x'::varchar, '2024-01-15'::date, ARRAY[1], NULL::int, 'a'::char(2), '1.2.3.4'::inet",
                                        records([L(1), D(1.5), S("1.5"), B(True), X(""), S("x"), S("2024-01-15"), A(longValues=[1]), NULL, S("a "), S("1.2.3.4")])))
row("R-5.1 the mapping", MY, run("CREATE TABLE @t (a tinyint, b double, c decimal(3,1), d bool, e blob, f text, g date)"), run("INSERT INTO @t VALUES (1, 1.5, 1.5, true, 'x', 'x', '2024-01-15')"),
    run("SELECT * FROM @t", records([L(1), D(1.5), S("1.5"), B(True), X("eA=="), S("x"), S("2024-01-15")])))
row("R-5.7 options and formatted records", BOTH, run("SELECT 1.50 AS d, 7 AS l", formatted('[{"d":1.5,"l":"7"}]'), resultSetOptions={"decimalReturnType": "DOUBLE_OR_LONG", "longReturnType": "STRING"}, **J))
row("R-5.41 R-5.42 R-5.43 R-5.45 nulls, empty arrays, elements", PG, run("SELECT ARRAY[NULL,1], '{}'::int[], '{}'::text[], '{}'::bool[], NULL::int[], ARRAY['2024-01-15 12:34:56.1'::timestamp]",
    records([A(longValues=[None, 1]), A(longValues=[]), A(stringValues=[]), A(booleanValues=[]), NULL, A(stringValues=["2024-01-15 12:34:56.100"])])))
