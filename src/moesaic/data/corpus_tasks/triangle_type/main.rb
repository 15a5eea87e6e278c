def triangle_type(a, b, c)
  case [a, b, c].uniq.length
  when 1 then "equilateral"
  when 2 then "isosceles"
  else "scalene"
  end
end

a, b, c = gets.split.map(&:to_i)
puts triangle_type(a, b, c)
