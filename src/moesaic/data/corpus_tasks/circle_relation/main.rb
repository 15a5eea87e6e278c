Circle = Struct.new(:x, :y, :radius)

def circle_relation(first, second)
  distance = (first.x - second.x)**2 + (first.y - second.y)**2
  outer = (first.radius + second.radius)**2
  inner = (first.radius - second.radius)**2
  case distance
  when inner, outer then "touching"
  when (outer..) then "apart"
  when (...inner) then "inside"
  else "crossing"
  end
end

first = Circle.new(*gets.split.map(&:to_i))
second = Circle.new(*gets.split.map(&:to_i))
puts circle_relation(first, second)
