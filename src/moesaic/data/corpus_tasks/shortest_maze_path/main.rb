STEPS = [[-1, 0], [1, 0], [0, -1], [0, 1]].freeze

def shortest_maze_path(maze)
  row = maze.index { |line| line.include?("S") }
  start = [row, maze[row].index("S")]
  queue = [start]
  distance = { start => 0 }
  until queue.empty?
    row, column = place = queue.shift
    return distance[place] if maze[row][column] == "E"

    STEPS.each do |down, right|
      near = [row + down, column + right]
      next if near.any?(&:negative?) || distance.key?(near)
      next if near[0] >= maze.length || (maze[near[0]][near[1]] || "#") == "#"

      distance[near] = distance[place] + 1
      queue.push(near)
    end
  end
  -1
end

maze = $stdin.readlines(chomp: true)
puts shortest_maze_path(maze)
