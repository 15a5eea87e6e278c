CALLS = [0, 15, 30, 40].freeze

def tennis_score(points)
  a = points.count("A")
  b = points.count("B")
  leader = a > b ? "A" : "B"
  return "game #{leader}" if [a, b].max > 3 && (a - b).abs > 1
  return "#{CALLS[a]}-#{CALLS[b]}" if [a, b].min < 3

  a == b ? "deuce" : "advantage #{leader}"
end

puts tennis_score(gets.chomp)
