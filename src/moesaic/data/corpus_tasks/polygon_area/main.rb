def polygon_area(corners)
  doubled = corners.zip(corners.rotate).sum do |(x1, y1), (x2, y2)|
    x1 * y2 - x2 * y1
  end
  doubled.abs / 2.0
end

corners = $stdin.map { |line| line.split.map(&:to_i) }
puts format("%.1f", polygon_area(corners))
