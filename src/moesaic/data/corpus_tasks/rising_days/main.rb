def rising_days(prices)
  periods = prices.slice_when { |yesterday, today| today <= yesterday }
  periods.map(&:size).max
end

prices = gets.split.map(&:to_i)
puts rising_days(prices)
