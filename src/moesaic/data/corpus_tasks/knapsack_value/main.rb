def knapsack_value(items, capacity)
  best = Array.new(capacity + 1, 0)
  items.each do |weight, value|
    capacity.downto(weight) do |room|
      best[room] = [best[room], best[room - weight] + value].max
    end
  end
  best[capacity]
end

capacity = gets.to_i
items = $stdin.map { |line| line.split.map(&:to_i) }
puts knapsack_value(items, capacity)
