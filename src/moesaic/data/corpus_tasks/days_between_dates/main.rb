require "date"

def days_between_dates(first, second)
  (second - first).to_i.abs
end

first = Date.parse(gets)
second = Date.parse(gets)
puts days_between_dates(first, second)
