def cheapest_route(roads, start, goal)
  open = { start => 0 }
  finished = {}
  until open.empty?
    town, price = open.min_by { |_, cost| cost }
    return price if town == goal

    finished[town] = open.delete(town)
    roads[town].each do |neighbor, cost|
      next if finished.key?(neighbor)

      open[neighbor] = [open.fetch(neighbor, price + cost), price + cost].min
    end
  end
  -1
end

start, goal = gets.split
roads = Hash.new { |hash, town| hash[town] = [] }
$stdin.each_line do |line|
  first, second, cost = line.split
  roads[first] << [second, cost.to_i]
  roads[second] << [first, cost.to_i]
end
puts cheapest_route(roads, start, goal)
