def side((x1, y1, x2, y2), x, y)
  (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
end

def separates?(line, segment)
  start, finish = segment.each_slice(2).map { |x, y| side(line, x, y) }
  (start * finish).negative?
end

def segments_cross(first, second)
  separates?(first, second) && separates?(second, first)
end

first = gets.split.map(&:to_i)
second = gets.split.map(&:to_i)
puts segments_cross(first, second) ? "yes" : "no"
