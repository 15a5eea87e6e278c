<?php

declare(strict_types=1);

class Browser
{
    private string $page = 'home';
    private array $before = [];
    private array $ahead = [];

    public function open(string $page): string
    {
        $this->before[] = $this->page;
        $this->ahead = [];
        return $this->page = $page;
    }

    public function back(): string
    {
        return $this->move($this->before, $this->ahead);
    }

    public function forward(): string
    {
        return $this->move($this->ahead, $this->before);
    }

    private function move(array &$from, array &$to): string
    {
        if ($from !== []) {
            $to[] = $this->page;
            $this->page = array_pop($from);
        }
        return $this->page;
    }
}

function browserHistory(array $commands): void
{
    $browser = new Browser();
    foreach ($commands as $command) {
        [$name, $page] = array_pad(explode(' ', $command), 2, '');
        echo match ($name) {
            'open' => $browser->open($page),
            'back' => $browser->back(),
            'forward' => $browser->forward(),
        }, PHP_EOL;
    }
}

browserHistory(file('php://stdin', FILE_IGNORE_NEW_LINES));
