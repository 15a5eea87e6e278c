def cheapest_climb(costs)
  before_last = last = 0
  costs.each do |cost|
    before_last, last = last, cost + [before_last, last].min
  end
  [before_last, last].min
end

costs = gets.split.map(&:to_i)
puts cheapest_climb(costs)
