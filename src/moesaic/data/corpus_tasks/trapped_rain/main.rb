def trapped_rain(walls)
  walls.each_index.sum do |i|
    [walls[0..i].max, walls[i..].max].min - walls[i]
  end
end

puts trapped_rain(gets.split.map(&:to_i))
