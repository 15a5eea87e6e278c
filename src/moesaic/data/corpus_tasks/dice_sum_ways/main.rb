def dice_sum_ways(dice, total)
  ways = { 0 => 1 }
  dice.times do
    following = Hash.new(0)
    ways.each do |points, count|
      (1..6).each { |face| following[points + face] += count }
    end
    ways = following
  end
  ways.fetch(total, 0)
end

dice, total = gets.split.map(&:to_i)
puts dice_sum_ways(dice, total)
