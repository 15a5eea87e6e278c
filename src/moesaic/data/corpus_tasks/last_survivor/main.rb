def last_survivor(children, k)
  circle = (1..children).to_a
  order = []
  until circle.empty?
    circle.rotate!(k - 1)
    order << circle.shift
  end
  order
end

children, k = gets.split.map(&:to_i)
puts last_survivor(children, k).join(" ")
