def parse_query_string(address)
  query = address.split("?", 2).last
  query.split("&").to_h { |parameter| parameter.tr("+", " ").split("=", 2) }
end

parameters = parse_query_string(gets.chomp)
parameters.sort.each { |name, value| puts "#{name}: #{value}" }
