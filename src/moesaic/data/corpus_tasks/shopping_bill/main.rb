def shopping_bill(prices, items)
  sold, unsold = items.partition { |item| prices.key?(item) }
  [sold.sum { |item| prices[item] }, unsold.size]
end

prices = Array.new(gets.to_i) { gets.split }.to_h.transform_values(&:to_i)
puts shopping_bill(prices, gets.split).join(" ")
