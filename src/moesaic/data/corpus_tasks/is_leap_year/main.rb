def is_leap_year(year)
  (year % 4).zero? && (!(year % 100).zero? || (year % 400).zero?)
end

year = gets.to_i
puts is_leap_year(year) ? "yes" : "no"
