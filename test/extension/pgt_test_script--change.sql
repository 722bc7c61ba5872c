CREATE FUNCTION make() RETURNS void LANGUAGE SQL AS $$
	SELECT pgtrickle.create_stream_table('made', 'SELECT id FROM public.item')
$$;
INSERT INTO public.other VALUES (1, 'a');
SELECT pgtrickle.alter_stream_table('public.s',
	query => 'SELECT kind, count(*) AS n, max(id) AS most FROM public.other GROUP BY kind',
	refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.repair_stream_table('public.s');
