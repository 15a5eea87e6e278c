def path_length(points)
  points.each_cons(2).sum(0.0) do |(x1, y1), (x2, y2)|
    Math.hypot(x2 - x1, y2 - y1)
  end
end

points = $stdin.map { |line| line.split.map(&:to_f) }
puts format("%.2f", path_length(points))
