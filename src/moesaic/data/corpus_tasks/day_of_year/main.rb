require "date"

def day_of_year(text)
  Date.iso8601(text).yday
end

puts day_of_year(gets.chomp)
