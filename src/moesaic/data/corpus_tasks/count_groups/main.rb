def leader_of(leaders, person)
  person = leaders[person] while leaders[person] != person
  person
end

def count_groups(people, friends)
  leaders = (0..people).to_a
  friends.each do |first, second|
    leaders[leader_of(leaders, first)] = leader_of(leaders, second)
  end
  (1..people).count { |person| leaders[person] == person }
end

people = gets.to_i
friends = $stdin.map { |line| line.split.map(&:to_i) }
puts count_groups(people, friends)
