def visible_towers(towers)
  highest = 0
  towers.count do |tower|
    next false if tower <= highest

    highest = tower
  end
end

puts visible_towers(gets.split.map(&:to_i))
