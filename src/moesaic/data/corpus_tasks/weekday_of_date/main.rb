NAMES = %w[Saturday Sunday Monday Tuesday Wednesday Thursday Friday].freeze

def weekday_of_date(year, month, day)
  if month < 3
    month += 12
    year -= 1
  end
  days = day + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400
  NAMES[days % 7]
end

year, month, day = gets.split.map(&:to_i)
puts weekday_of_date(year, month, day)
