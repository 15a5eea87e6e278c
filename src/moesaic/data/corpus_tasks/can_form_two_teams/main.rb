def can_form_two_teams(players, rivals)
  teams = {}
  (1..players).each do |first|
    next if teams.key?(first)

    teams[first] = 1
    queue = [first]
    until queue.empty?
      player = queue.shift
      rivals[player].each do |rival|
        return false if teams[rival] == teams[player]

        queue << rival unless teams.key?(rival)
        teams[rival] = 3 - teams[player]
      end
    end
  end
  true
end

players = gets.to_i
rivals = Hash.new { |hash, player| hash[player] = [] }
$stdin.each_line do |line|
  first, second = line.split.map(&:to_i)
  rivals[first] << second
  rivals[second] << first
end
puts can_form_two_teams(players, rivals) ? "yes" : "no"
