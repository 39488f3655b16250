# A Rack application: routes of URLMap, and the path as Rails squeezes and unescapes it.

route = lambda do |path|
  prefixes = [['/files/private', 'private'], ['/files', 'files'], ['/admin', 'admin']]
  found = prefixes.find { |prefix, _| path == prefix || path.start_with?(prefix + '/') }
  found ? found[1] : 'open'
end

application = lambda do |name|
  lambda do |env|
    raw = env['SCRIPT_NAME'] + env['PATH_INFO']
    squeezed = raw.squeeze('/')
    unescaped = squeezed.gsub(/%\h\h/) { |escape| escape[1..].hex.chr }
    body = "map=#{name} squeezed=#{route.call(squeezed)} unescaped=#{route.call(unescaped)}"
    [200, { 'Content-Length' => body.bytesize.to_s }, [body]]
  end
end

map('/files/private') { run application.call('private') }
map('/files') { run application.call('files') }
map('/admin') { run application.call('admin') }
map('/') { run application.call('open') }
