UNITS = { "d" => 86_400, "h" => 3600, "m" => 60, "s" => 1 }.freeze

def format_duration(seconds)
  parts = UNITS.map do |unit, length|
    count, seconds = seconds.divmod(length)
    "#{count}#{unit}" if count.positive?
  end
  parts.none? ? "0s" : parts.compact.join(" ")
end

puts format_duration(gets.to_i)
