SELECT pgtrickle.create_stream_table('made', 'SELECT id FROM public.item');
