def cable_length(houses, cables)
  networks = (1..houses).map { |house| [house] }
  cables.sort_by(&:last).sum do |first, second, length|
    joined = networks.select { |network| network.include?(first) || network.include?(second) }
    next 0 if joined.length == 1

    networks = networks - joined + [joined.flatten]
    length
  end
end

houses = gets.to_i
cables = $stdin.map { |line| line.split.map(&:to_i) }
puts cable_length(houses, cables)
