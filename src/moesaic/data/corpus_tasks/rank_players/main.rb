Player = Struct.new(:name, :points)

def rank_players(players)
  rank = 1
  players.group_by(&:points).sort.reverse.each do |_, group|
    group.map(&:name).sort.each { |name| puts "#{rank} #{name}" }
    rank += group.size
  end
end

players = Array.new(gets.to_i) do
  name, points = gets.split
  Player.new(name, points.to_i)
end
rank_players(players)
